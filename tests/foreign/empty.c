/* A library without anything. */
typedef int nothing;
