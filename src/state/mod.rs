//! The live 13-byte configuration.
