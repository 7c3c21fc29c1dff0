// UnCLIP
