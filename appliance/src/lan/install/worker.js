// Registered and removed by the install page, to see whether this browser runs offline workers here. Does nothing.
