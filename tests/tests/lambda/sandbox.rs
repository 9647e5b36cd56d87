//! The product in an imitation of Lambda's sandbox, under each profile of what the sandbox denies.

/// Makes tests of functions that take a profile: one under each.
macro_rules! under_every_profile {
    ($($name:ident),* $(,)?) => {
        mod observed {
            $(#[test] fn $name() { super::$name(lambda_sandbox::Profile::Observed); })*
        }
        mod strict {
            $(#[test] fn $name() { super::$name(lambda_sandbox::Profile::Strict); })*
        }
        mod strict_enosys {
            $(#[test] fn $name() { super::$name(lambda_sandbox::Profile::StrictEnosys); })*
        }
    };
}

mod attacks;
mod calls;
mod clock;
mod facilities;
mod job;
mod native;
mod remains;
mod warm;
mod zombies;

use e2e::{Lambda, Mode, Moto, Sandbox, s3_event};
use lambda_sandbox::Profile;
use serde_json::json;

/// Takes an object and stores it in capitals.
const CAPITALS: &str =
    "tr a-z A-Z < \"$INPUT_FILE_PATH\" > \"$TMP_OUTPUT_DIR/$STORAGE_OBJECT_KEY\"";

/// A function between two buckets, and its place on Lambda.
struct Job {
    sandbox: Sandbox,
    moto: &'static Moto,
    inbox: String,
    outbox: String,
}

impl Job {
    /// One that runs [`CAPITALS`] in `mode`; nothing for users who cannot imitate the sandbox.
    fn new(mode: Mode) -> Option<Self> {
        let mut sandbox = Sandbox::on_lambda(mode)?;
        let moto = Moto::shared();
        sandbox.use_aws(moto.url(), "AKIDEXAMPLE", "secret");
        let job = Self {
            sandbox,
            moto,
            inbox: moto.bucket(),
            outbox: moto.bucket(),
        };
        let output = json!([{ "storage_provider": "s3", "path": job.outbox }]);
        job.sandbox.function(CAPITALS, &json!({ "output": output }));
        Some(job)
    }

    /// Puts an object and has it processed; what went wrong, if anything did.
    fn run(&self, lambda: &mut Lambda, key: &str) -> Result<(), String> {
        self.moto.put(&self.inbox, key, format!("text of {key}"));
        let answer = lambda.invoke(&s3_event(&self.inbox, key));
        let arrived = self.moto.text(&self.outbox, key);
        match arrived {
            Some(text) if text == format!("TEXT OF {}", key.to_uppercase()) => Ok(()),
            _ => Err(format!("{arrived:?} {}", answer.json())),
        }
    }
}

/// Starts the runtime of a sandbox under a profile.
fn start(sandbox: &Sandbox, profile: Profile) -> Lambda {
    Lambda::start_with(sandbox, |launch| {
        launch.confinement(|confinement| confinement.profile(profile))
    })
}

/// A function without udocker on Lambda that runs a script.
fn function(script: &str) -> Option<Sandbox> {
    let sandbox = Sandbox::on_lambda(Mode::NativeF1)?;
    sandbox.function(script, &json!({}));
    Some(sandbox)
}
