\ Adds 1 to 100; the return stack keeps the number meanwhile.
: sum ( n -- sum )
    0 swap begin
        dup >r +
        r> 1 - dup 0=
    until drop ;
100 sum . cr
