// Declares nothing: this code runs before main.
