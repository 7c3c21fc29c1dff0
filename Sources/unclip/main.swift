import UnCLIPCommand

CommandEntry.main()
