// UnCLIPCommand
