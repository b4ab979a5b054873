//! One conversation with one PBX, whatever its kind: bytes in; events, replies and bytes out.
