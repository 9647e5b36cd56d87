//! Findings about the machine itself.

use std::{path::Path, time::Duration};

use aws_credential_types::provider::ProvideCredentials as _;
use indicatif::HumanBytes;
use nix::{sys::statvfs::statvfs, unistd::Uid};

use crate::invocation::Services;
use config::ModeFamily;
use container::{
    engine::{
        EngineKind,
        choice::can_start,
        fakechroot,
        files::{ARCH, EngineFiles},
        proot,
        settings::UdockerSettings,
    },
    rollback::policy::RollbackPolicy,
    shim::probe::Probe,
};
use environment::{self as names, Environment, Platform};
use net::{Network, Proxies, aws::own_role_config};
use rootfs::elf::newest_glibc;

use super::finding::{Finding, Verdict};

/// Less free space than this hardly holds an image with its input and output.
const LITTLE: u64 = 512 * 1024 * 1024;
/// Longest wait for credentials: an instance metadata service that is absent does not answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// All findings, the most general first.
pub(super) async fn findings(
    environment: &Environment,
    services: &Services,
    policy: RollbackPolicy,
) -> Vec<Finding> {
    let settings = services.udocker().settings();
    vec![
        platform(environment),
        python(environment, settings),
        udocker(environment, settings),
        ptrace(settings),
        user_namespaces(settings),
        overlay(policy),
        room("temporary files", services.temp_dir()),
        room("image store", &settings.store),
        fakechroot_libraries(settings),
        proot_program(settings),
        credentials(environment).await,
        proxies(&Network::of(environment).proxies),
    ]
}

fn platform(environment: &Environment) -> Finding {
    let platform = match environment.platform() {
        Platform::Lambda => "an AWS Lambda execution environment",
        Platform::Terminal => "no AWS Lambda execution environment",
    };
    let kernel = nix::sys::utsname::uname();
    let release = kernel.map_or_else(
        |_| "unknown".to_owned(),
        |name| name.release().to_string_lossy().into_owned(),
    );
    let user = Uid::effective();
    let found = format!("{platform}; {ARCH}, kernel {release}, user {user}");
    Finding::new("place", Verdict::Good, found)
}

fn python(environment: &Environment, settings: &UdockerSettings) -> Finding {
    let needed = settings.runs == EngineKind::Udocker;
    match environment.find_on_path("python3") {
        Some(path) => Finding::new("python", Verdict::Good, path.display().to_string()),
        // A launcher may bring its own.
        None if needed => Finding::new("python", Verdict::Note, "not on PATH"),
        None => Finding::new("python", Verdict::Note, "not on PATH, and not needed"),
    }
}

fn udocker(environment: &Environment, settings: &UdockerSettings) -> Finding {
    let launcher = settings.launcher_path();
    let starts = can_start(environment, &launcher);
    let verdict = Verdict::of(starts, settings.runs == EngineKind::Udocker);
    let found = match (starts, launcher.is_file()) {
        (true, _) => launcher.display().to_string(),
        (false, true) => format!("{}, without the interpreter it names", launcher.display()),
        (false, false) => format!("not at {}", launcher.display()),
    };
    let finding = Finding::new("udocker", verdict, found);
    match verdict {
        Verdict::Bad => finding.advise("pip install udocker, or container.engine: native"),
        _ => finding,
    }
}

fn ptrace(settings: &UdockerSettings) -> Finding {
    let allowed = Probe::Ptrace.succeeds(&settings.supervisor);
    let needed = settings.mode.family() == ModeFamily::Proot;
    let verdict = Verdict::of(allowed, needed);
    let finding = Finding::new(
        "ptrace",
        verdict,
        if allowed { "allowed" } else { "denied" },
    );
    match verdict {
        Verdict::Bad => finding.advise("container.execmode: F1 does without"),
        _ => finding,
    }
}

fn user_namespaces(settings: &UdockerSettings) -> Finding {
    let allowed = Probe::UserNamespace.succeeds(&settings.supervisor);
    let needed = settings.mode.family() == ModeFamily::Runc && !Uid::effective().is_root();
    let found = if allowed { "allowed" } else { "denied" };
    Finding::new("user namespaces", Verdict::of(allowed, needed), found)
}

fn overlay(policy: RollbackPolicy) -> Finding {
    match policy {
        RollbackPolicy::Overlay => Finding::new("overlay", Verdict::Good, "can be mounted"),
        RollbackPolicy::Journal => Finding::new(
            "overlay",
            Verdict::Note,
            "cannot be mounted, or FAAS_OVERLAY is off",
        ),
        RollbackPolicy::Scratch => {
            Finding::new("overlay", Verdict::Note, "not used in this execution mode")
        }
    }
}

/// Free space of the file system that `path` is or will be on.
fn room(name: &'static str, path: &Path) -> Finding {
    let there = path.ancestors().find(|path| path.exists()).unwrap_or(path);
    let Ok(system) = statvfs(there) else {
        return Finding::new(
            name,
            Verdict::Bad,
            format!("{} cannot be looked at", path.display()),
        );
    };
    let unit = system.fragment_size();
    let free = system.blocks_available().saturating_mul(unit);
    let all = system.blocks().saturating_mul(unit);
    let writable = nix::unistd::access(there, nix::unistd::AccessFlags::W_OK).is_ok();
    let (free_text, all) = (HumanBytes(free), HumanBytes(all));
    let found = format!("{}: {free_text} free of {all}", path.display());
    if !writable {
        return Finding::new(name, Verdict::Bad, format!("{found}, not writable"));
    }
    let finding = Finding::new(name, Verdict::of(free >= LITTLE, false), found);
    if free < LITTLE {
        return finding
            .advise("an image and its files need more: enlarge the function's ephemeral storage");
    }
    finding
}

fn fakechroot_libraries(settings: &UdockerSettings) -> Finding {
    let EngineFiles {
        lib, fakechroot, ..
    } = &settings.files;
    let named = fakechroot
        .iter()
        .map(|path| lib.join(path))
        .filter(|path| path.is_file());
    let libraries: Vec<String> = named
        .chain(fakechroot::present(lib))
        .map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match newest_glibc(&path) {
                Ok(Some(glibc)) => format!("{name} ({glibc} or newer)"),
                Ok(None) => format!("{name} (musl)"),
                Err(error) => format!("{name} (cannot be read: {error})"),
            }
        })
        .collect();
    let needed = settings.mode.family() == ModeFamily::Fakechroot;
    let verdict = Verdict::of(!libraries.is_empty(), needed);
    let found = match libraries.as_slice() {
        [] => format!("none in {}", lib.display()),
        some => some.join(", "),
    };
    let finding = Finding::new("fakechroot", verdict, found);
    match verdict {
        Verdict::Bad => finding.advise("name one in UDOCKER_FAKECHROOT_SO, or their directory in UDOCKER_LIB (udocker install puts them there)"),
        _ => finding,
    }
}

fn proot_program(settings: &UdockerSettings) -> Finding {
    let needed = settings.mode.family() == ModeFamily::Proot && settings.runs == EngineKind::Native;
    match proot::find(&settings.files) {
        Ok(path) => Finding::new("proot", Verdict::Good, path.display().to_string()),
        Err(error) if needed => Finding::new("proot", Verdict::Bad, error.to_string()),
        Err(_) => {
            let found = format!("not in {}", settings.files.bin.display());
            Finding::new("proot", Verdict::Note, found)
        }
    }
}

fn proxies(proxies: &Proxies) -> Finding {
    const NAME: &str = "proxies";
    let kinds = [("http", &proxies.http), ("https", &proxies.https)];
    let mut found = Vec::new();
    for (kind, proxy) in kinds {
        match proxy {
            Some(Ok(proxy)) => found.push(format!("{} for {kind} addresses", proxy.place())),
            Some(Err(unusable)) => return Finding::new(NAME, Verdict::Bad, unusable.to_string()),
            None => {}
        }
    }
    let found = match (found.as_slice(), &proxies.none_for) {
        ([], _) => "none".to_owned(),
        (found, None) => found.join(", "),
        (found, Some(except)) => format!("{}, except {except}", found.join(", ")),
    };
    Finding::new(NAME, Verdict::Note, found)
}

/// Whether the SDK finds credentials. Only the beginning of the access key is shown.
async fn credentials(environment: &Environment) -> Finding {
    const NAME: &str = "credentials";
    let region = environment.text(names::AWS_REGION);
    let config = own_role_config(region, &Network::of(environment)).await;
    let asked = async {
        let provider = config.credentials_provider()?;
        Some(provider.provide_credentials().await)
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Some(Ok(found))) => {
            let key = found.access_key_id();
            let shown = key.get(..4).unwrap_or_default();
            Finding::new(NAME, Verdict::Good, format!("AWS access key {shown}…"))
        }
        Ok(Some(Err(_)) | None) | Err(_) => Finding::new(
            NAME,
            Verdict::Note,
            "none for AWS: buckets there and ECR are out of reach",
        ),
    }
}
