#include <stdio.h>
#include <string.h>
int main(void) {
  const char *text = "hello from C";
  puts(text);
  printf("%lu letters: %s\n", strlen(text), text);
  if (strchr(text, 'f') - text != 6) return 1;
  printf("%d, %g and %.2f\n", -42, 1.5, 2.5f);
  return 0;
}
