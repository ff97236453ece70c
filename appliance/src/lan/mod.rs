//! Making the box trusted on the clinic's network: its own certificate authority and TLS.
