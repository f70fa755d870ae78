"""HTTP message signatures (RFC 9421): `keys` make and read them, `incoming` checks requests, `outgoing` signs them."""
