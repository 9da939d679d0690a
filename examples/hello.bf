[ The usual program that prints "Hello World!" and a newline.
  Everything but the eight characters + - < > [ ] and point and comma is a comment,
  and this loop is skipped because its cell is 0. ]
++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++++++..+++.
>>.<-.<.+++.------.--------.>>+.>++.
