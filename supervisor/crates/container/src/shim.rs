//! The small process per run between the supervisor and an engine: what it is told, what it sets up, how it finds and ends
//! every process of the run, and the first process in the container. The same binary plays them, see [`role`].

pub mod argv0;
pub mod devices;
pub mod init;
pub mod inlet;
pub mod launch_spec;
pub mod overlay;
pub mod parts;
pub mod probe;
pub mod process_tree;
pub mod proot_files;
pub mod report;
pub mod role;
pub mod supervision;
