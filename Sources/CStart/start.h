// What the loader runs before the libraries' own initialisers, in the order of start.cpp.
#pragma once
#ifdef __linux__
void end_when_memory_is_short();
void choose_waiting(char **arguments, char **environment);
#endif
