// A function of another object, which is compiled without debug information.

int undebugged(const int *place) { return *place * 2; }
