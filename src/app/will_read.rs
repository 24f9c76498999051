//! Which objects of a listing will be read.

use crate::ports::Version;

/// Says of an object whether it will be read.
pub(super) type WillRead<'a> = &'a (dyn Fn(&str, &Version) -> bool + Sync);

/// All that is listed is read.
pub(super) const ALL: WillRead<'static> = &|_, _| true;
/// A filter that leaves out nothing that is listed.
pub(super) const NONE: WillRead<'static> = &|_, _| false;
