//! Digest chains: whether logs are what CloudTrail delivered
//! (docs/cloudtrail-facts.md#digests).
//!
//! | what | file |
//! |---|---|
//! | what the names of digests and log files say | [`name`] |
//! | a digest as it is written | [`digest`] |
//! | CloudTrail's public keys; verification of signatures | [`signature`] |
//! | each digest by itself and by its neighbours | [`chain`] |
//! | log files against the digests that name them | [`files`] |
//!
//! Everything here is a function of what was read: the digests, the hashes of the log
//! files, and what was listed. Where `aws cloudtrail validate-logs` also reports, the
//! verdict and its words are the same.

mod chain;
mod digest;
mod files;
mod name;
mod signature;

pub use chain::{Chains, DigestBody, DigestChain, DigestRead, Judging, Metadata, Trust, evaluate};
pub use digest::{Digest, NoDigest};
pub use files::{DigestsKnown, Files, LogFileRead, NO_DIGESTS, reconcile};
pub use name::{DigestName, LogFileName, tail};
pub use signature::{KeysError, PublicKeys, Signatures, SignaturesError, read_signatures};
