\ Prints 10 to 1.
: countdown ( n -- ) begin dup . 1 - dup 0= until drop cr ;
10 countdown
