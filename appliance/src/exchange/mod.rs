//! Messages from outside: the HL7 v2 listener and the inbox.
