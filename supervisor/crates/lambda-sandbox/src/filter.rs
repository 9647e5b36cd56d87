//! A policy as seccomp filters.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter,
};

use crate::{
    Policy, SandboxError,
    calls::{Answer, Call, Uses},
};

/// What a filter is installed with.
const INSTALLS: [&str; 2] = ["prctl", "seccomp"];

/// A policy, ready to be installed. One filter for each answer: a filter can have only one.
///
/// System calls of another architecture (`int 0x80` on `x86_64`) kill the process.
#[derive(Debug, Clone)]
pub struct Filter(Vec<BpfProgram>);

impl Filter {
    /// Compiles a policy for this machine.
    ///
    /// # Errors
    /// [`SandboxError::Compile`].
    pub fn of(policy: &Policy) -> Result<Self, SandboxError> {
        let of_answer = |answer: Answer| -> (Answer, Vec<&Call>) {
            let calls = policy.denied().iter().filter(|call| call.answer == answer);
            (answer, calls.collect())
        };
        let mut filters = Answer::ALL.map(of_answer);
        // The one that denies what installs filters comes last.
        filters.sort_by_key(|(_, calls)| calls.iter().any(|call| INSTALLS.contains(&call.name)));
        let filters = filters.iter().filter(|(_, calls)| !calls.is_empty());
        let programs = filters.map(|(answer, calls)| program(calls, *answer));
        let programs = programs.collect::<Result<_, _>>();
        programs.map(Self).map_err(SandboxError::Compile)
    }

    /// Installs it for the calling thread and what that starts, for good; sets `NoNewPrivs`. Allocates nothing, so that a child
    /// may call it between fork and exec.
    ///
    /// # Errors
    /// [`SandboxError::Install`].
    pub fn install(&self) -> Result<(), SandboxError> {
        let mut programs = self.0.iter();
        programs.try_for_each(|program| apply_filter(program).map_err(SandboxError::Install))
    }
}

fn program(calls: &[&Call], answer: Answer) -> Result<BpfProgram, BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in calls {
        let of_call = rules.entry(call.number).or_default();
        // No rule at all means every use of the call.
        if let Uses::With(argument) = call.uses {
            let condition = SeccompCondition::new(
                argument.index,
                SeccompCmpArgLen::Qword,
                SeccompCmpOp::MaskedEq(argument.mask),
                argument.value,
            )?;
            of_call.push(SeccompRule::new(vec![condition])?);
        }
    }
    SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(answer.errno().unsigned_abs()),
        TargetArch::try_from(std::env::consts::ARCH)?,
    )?
    .try_into()
}
