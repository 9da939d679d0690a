\ Takes more than there is.
1 2 + . drop
