\ There are 1,024 cells.
5 1024 !
