\ Arithmetic, a word that calls itself, characters, variables.
1 2 + . 2 3 * . 7 3 / . cr
: factorial ( n -- n! )
    dup 0= if drop 1 else dup 1 - factorial * then ;
5 factorial . 10 3 mod . cr
: letters ( n -- ) 65 begin over while dup emit 1 + swap 1 - swap repeat drop drop cr ;
2 letters
variable a  variable b
3 a !  5 b !
: step ( -- ) a @ b @ dup a ! + b ! ;
b @ . step b @ . step b @ . cr
