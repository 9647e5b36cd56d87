//! What a supervisor asks udocker to do.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::sandbox::Sandbox;

impl Sandbox {
    /// Puts a recorder in front of udocker; [`Self::udocker_commands`] tells what it was asked to do.
    pub fn record_udocker(&mut self) {
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\nexec '{}' \"$@\"\n",
            self.inside(self.commands()).display(),
            self.mode().udocker().display()
        );
        let recorder = self.write("udocker-recorder", script);
        fs::set_permissions(&recorder, fs::Permissions::from_mode(0o755)).unwrap();
        let name = Path::new("work").join(recorder.file_name().unwrap());
        self.set("UDOCKER_EXEC", self.inside(name.to_str().unwrap()));
    }

    /// Where the recorder writes.
    fn commands(&self) -> &'static str {
        if self.is_on_lambda() {
            "tmp/shared/udocker-commands"
        } else {
            "udocker-commands"
        }
    }

    /// The udocker commands since the recorder was set up, one line each.
    pub fn udocker_commands(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path(self.commands())).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}
