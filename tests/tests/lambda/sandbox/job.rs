//! The main job: an event of S3, its object, a container, an object.

use std::fs;

use e2e::{Lambda, LambdaRoot, Mode, layer};
use lambda_sandbox::Profile;
use serde_json::json;

use crate::sandbox::{CAPITALS, Job, start};

under_every_profile! {
    an_object_goes_through_under_every_profile,
    an_object_goes_through_with_nothing_but_the_layer,
}

fn runs_twice(job: &Job, mut lambda: Lambda) {
    for key in ["first", "second"] {
        assert_eq!(job.run(&mut lambda, key), Ok(()));
    }
    lambda.stop();
    job.sandbox.expect_clean();
}

fn an_object_goes_through_under_every_profile(profile: Profile) {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    runs_twice(&job, start(&job.sandbox, profile));
}

#[test]
fn an_object_goes_through_by_udocker() {
    let Some(job) = Job::new(Mode::F1) else {
        return;
    };
    runs_twice(&job, start(&job.sandbox, Profile::Observed));
}

fn an_object_goes_through_with_nothing_but_the_layer(profile: Profile) {
    let Some(job) = Job::new(Mode::NativeF1) else {
        return;
    };
    let container = json!({ "image_file": "debian.tar", "execmode": null, "engine": "auto" });
    let output = json!([{ "storage_provider": "s3", "path": job.outbox }]);
    let more = json!({ "output": output, "container": container });
    job.sandbox.function(CAPITALS, &more);
    fs::copy(Mode::F1.image(), job.sandbox.path("work/debian.tar")).unwrap();
    let root = LambdaRoot::new(&job.sandbox, &layer());
    for directory in ["/var/lang/bin", "/var/runtime", "/usr", "/bin"] {
        root.remove(directory);
    }
    let lambda = Lambda::start_with(&job.sandbox, |launch| {
        root.enter(launch, &["/opt/bootstrap"])
            .confinement(|confinement| confinement.profile(profile))
    });
    runs_twice(&job, lambda);
}

#[test]
fn an_object_goes_through_whatever_the_umask() {
    for umask in [0o022, 0o077] {
        let Some(job) = Job::new(Mode::NativeF1) else {
            return;
        };
        let lambda = Lambda::start_with(&job.sandbox, |launch| {
            launch.confinement(|confinement| confinement.umask(umask))
        });
        runs_twice(&job, lambda);
    }
}
