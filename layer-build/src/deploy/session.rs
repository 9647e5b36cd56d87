//! One run of the command: how a verb gets from options to settings and clients.

use std::path::PathBuf;
use std::time::Duration;

use net::Network;
use net::retry::Backoff;
use serde_json::{Value, json};

use super::aws::retry::PREPARATION;
use super::aws::{Services, WaitPolicy};
use super::cfg::{self, Cfg};
use super::cli::{Common, FunctionSelector};
use super::definition;
use super::error::DeployError;
use super::host::HostEnvironment;
use super::layer_file::{self, LayerFile};
use super::report::{Reporter, note};
use super::settings::{Settings, Sources};
use crate::layer::arch::Arch;

/// One run of the command.
#[derive(Debug)]
pub struct Session {
    /// `scar.cfg`.
    pub cfg: Cfg,
    /// Writes progress and results.
    pub reporter: Reporter,
    /// How long to wait for what AWS prepares.
    pub wait: WaitPolicy,
    profile: Option<String>,
    layer_folders: Vec<PathBuf>,
    network: Network,
}

impl Session {
    /// Reads the configuration file, and creates it at first use.
    ///
    /// # Errors
    /// [`DeployError::Cfg`].
    pub fn open(common: Common, host: &HostEnvironment) -> Result<Self, DeployError> {
        let path = cfg::path(host.config_folder.clone(), host.home.clone())?;
        let cfg = cfg::load(&path)?;
        let reporter = Reporter {
            format: common.format(),
        };
        for notice in &cfg.notices {
            reporter.note(notice);
        }
        let limit = Duration::from_secs(common.patience);
        Ok(Self {
            cfg,
            reporter,
            wait: WaitPolicy {
                limit,
                backoff: Backoff {
                    first: PREPARATION.first.min(limit),
                    ..PREPARATION
                },
                report: note,
            },
            profile: common.profile,
            layer_folders: layer_file::folders(
                common.layer_dir.as_deref(),
                host.program.as_deref(),
            ),
            network: host.network.clone(),
        })
    }

    /// Settings of the functions in a file, or of the one on the command line if there is no file.
    ///
    /// # Errors
    /// [`DeployError`].
    pub fn settings(
        &self,
        layer: &Value,
        file: Option<&PathBuf>,
    ) -> Result<Vec<Settings>, DeployError> {
        let definitions = match file {
            Some(path) => definition::read(path)?.into_iter().map(Some).collect(),
            None => vec![None],
        };
        let single = definitions.len() == 1;
        let name = layer.pointer("/lambda/name").and_then(Value::as_str);
        let mut all = Vec::new();
        for definition in definitions {
            let own = definition.as_ref().and_then(|definition| {
                definition
                    .value
                    .pointer("/lambda/name")?
                    .as_str()
                    .map(str::to_owned)
            });
            // The name selects one of several functions, and renames a single one.
            if !single && name.is_some() && own.as_deref() != name {
                continue;
            }
            all.push(self.read(&Sources::new(
                layer,
                self.profile.as_deref(),
                definition,
                &self.cfg,
            ))?);
        }
        if all.is_empty() {
            return Err(DeployError::Usage(format!(
                "the file defines no function of the name {}",
                name.unwrap_or_default()
            )));
        }
        Ok(all)
    }

    /// Reads settings from sources.
    ///
    /// # Errors
    /// [`DeployError::Settings`].
    pub fn read(&self, sources: &Sources) -> Result<Settings, DeployError> {
        Ok(Settings::read(sources)?)
    }

    /// The sources of settings: the command line's options over a definition over `scar.cfg`.
    pub fn sources(&self, layer: &Value, definition: Option<definition::Definition>) -> Sources {
        Sources::new(layer, self.profile.as_deref(), definition, &self.cfg)
    }

    /// Settings of one function, by name or file.
    ///
    /// # Errors
    /// [`DeployError::Usage`] when the options select none or several.
    pub fn one(&self, selector: &FunctionSelector) -> Result<Settings, DeployError> {
        let mut all = self.settings(
            &json!({ "lambda": { "name": selector.name } }),
            selector.conf_file.as_ref(),
        )?;
        let names: Vec<_> = all
            .iter()
            .map(|settings| settings.function.name.clone())
            .collect();
        match (all.pop(), all.is_empty()) {
            (Some(settings), true) if !settings.function.name.is_empty() => Ok(settings),
            (Some(_), false) => Err(DeployError::Usage(format!(
                "the file defines several functions, choose one with --name: {}",
                names.join(", ")
            ))),
            _ => Err(DeployError::Usage(
                "which function? Name it with --name (-n), or its file with --conf-file (-f)"
                    .to_owned(),
            )),
        }
    }

    /// Settings for a verb without a function.
    ///
    /// # Errors
    /// [`DeployError::Settings`].
    pub fn general(&self) -> Result<Settings, DeployError> {
        self.read(&self.sources(&json!({}), None))
    }

    /// Clients for the settings.
    pub async fn services(&self, settings: &Settings) -> Services {
        Box::pin(Services::connect(settings, &self.network)).await
    }

    /// The assembled layer for a processor, if there is one.
    ///
    /// # Errors
    /// [`DeployError::Layer`].
    pub fn layer(&self, arch: Arch) -> Result<Option<LayerFile>, DeployError> {
        Ok(LayerFile::find(&self.layer_folders, arch)?)
    }

    /// The assembled layer for a processor, which must be there.
    ///
    /// # Errors
    /// [`DeployError::Layer`].
    pub fn required_layer(&self, arch: Arch) -> Result<LayerFile, DeployError> {
        Ok(LayerFile::require(&self.layer_folders, arch)?)
    }
}
