//! Decoders, each within limits: base64, hex, character codes, reversal, zlib and their kin.
