//! IAM as this program needs it: policy documents, the patterns in them, and what a
//! changed trust policy lets in.

pub mod pattern;
pub mod policy;
pub mod trust;
