// Nothing is called from outside: what is here runs before main.
