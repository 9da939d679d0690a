#include <stdio.h>
#include <stdlib.h>
struct node { struct node *next; long value; };
int main(void) {
  struct node *list = NULL;
  for (long i = 0; i < 8; i++) {
    struct node *new = malloc(sizeof *new);
    new->next = list;
    new->value = i * i;
    list = new;
  }
  while (list) {
    struct node *next = list->next;
    printf("%ld\n", list->value);
    free(list);
    list = next;
  }
  return 0;
}
