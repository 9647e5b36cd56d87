//! How each facility is tried. Every function here runs in a process of its own, see [`super::probe`].

mod files;
mod memory;
mod network;
mod privileges;
mod processes;
mod support;
pub(super) mod waiting;

use super::facility::Facility;

/// All of them, in the order of reports.
pub fn all() -> impl Iterator<Item = &'static Facility> {
    let groups = [
        privileges::FACILITIES,
        processes::FACILITIES,
        files::FACILITIES,
        waiting::FACILITIES,
        memory::FACILITIES,
        network::FACILITIES,
    ];
    groups.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn no_two_have_the_same_name_and_no_denial_counts_as_let_through() {
        let names: BTreeSet<_> = all().map(|facility| facility.name).collect();
        assert_eq!(names.len(), all().count());
        for facility in all() {
            for denial in [nix::errno::Errno::EPERM, nix::errno::Errno::ENOSYS] {
                assert!(!facility.let_through.contains(&denial), "{}", facility.name);
            }
        }
    }
}
