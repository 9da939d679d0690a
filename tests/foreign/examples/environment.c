#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(void) {
  const char *name = getenv("CVM_NAME");
  printf("hello, %s\n", name ? name : "nobody");
  time_t moment = 1000000000, now;
  struct tm parts;
  char buffer[64];
  gmtime_r(&moment, &parts);
  strftime(buffer, sizeof buffer, "%A %Y-%m-%d %H:%M:%S", &parts);
  printf("a billion seconds: %s\n", buffer);
  if (time(&now) <= moment) return 1;
  fputs("and time goes on\n", stdout);
  return 0;
}
