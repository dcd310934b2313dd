//! One thing to measure.

use serde::{Deserialize, Serialize};

use super::{
    Failure, ImplementationName, Payloads, Processes, Report, RuntimeName, Settings, Unavailable,
    run::runner, split,
};

/// An implementation on a runtime under some settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The runtime.
    pub runtime: RuntimeName,
    /// What the proxy is made of.
    pub implementation: ImplementationName,
    /// All the rest.
    pub settings: Settings,
    /// Whether the proxies have a process of their own.
    pub processes: Processes,
}

impl Case {
    /// Whether it can be measured in this build.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub fn check(&self) -> Result<(), Unavailable> {
        runner(self.runtime, self.implementation).map(drop)
    }

    /// The cases, all in this process, of all runtimes with all implementations in all scenarios, scenario by scenario and runtime by
    /// runtime, so that what is to be compared is measured close together.
    #[must_use]
    pub fn product(
        runtimes: &[RuntimeName],
        implementations: &[ImplementationName],
        scenarios: &[super::Scenario],
        settings: Settings,
    ) -> Vec<Self> {
        let mut cases = Vec::new();
        for &scenario in scenarios {
            for &runtime in runtimes {
                for &implementation in implementations {
                    let settings = Settings { scenario, ..settings };
                    cases.push(Self { runtime, implementation, settings, processes: Processes::One });
                }
            }
        }
        cases
    }
}

/// Measures cases, and keeps from one to the next what they share.
#[derive(Debug, Default)]
pub struct Bench {
    made: Option<(Workload, Payloads)>,
}

/// What the payloads depend on: connections, lines, their length, and the tunnel's.
type Workload = [usize; 4];

impl Bench {
    /// Measures a case once.
    ///
    /// # Errors
    ///
    /// If it cannot be measured, or anything but what was sent comes out.
    pub fn measure(&mut self, case: &Case) -> Result<Report, Failure> {
        if let Processes::Two(split) = &case.processes {
            return split::measure(case, split);
        }
        let runner =
            runner(case.runtime, case.implementation).map_err(|error| Failure::Other(error.to_string()))?;
        crate::set_workers(case.settings.worker_threads);
        runner(&case.settings, self.payloads(&case.settings))
    }

    fn payloads(&mut self, settings: &Settings) -> &Payloads {
        let workload =
            [settings.connections, settings.route_frames, settings.frame_len, settings.tunnel_bytes];
        let made = self.made.take().filter(|(made, _)| *made == workload);
        &self.made.insert(made.unwrap_or_else(|| (workload, Payloads::new(settings)))).1
    }
}
