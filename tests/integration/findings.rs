//! `findings` and `explain` as people and schedulers use them.
