: word 1 if 2
\ The end of it is missing.
