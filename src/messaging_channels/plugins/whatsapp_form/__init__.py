"""What WhatsApp messages say, in the form of WhatsApp's own Cloud API, which other vendors take too or pass on."""
