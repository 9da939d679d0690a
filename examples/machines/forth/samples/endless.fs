\ Runs for ever.
: forever begin 1 drop again ; forever
