//! Services that may reach the data, and agents of Quick with their users.

use super::checker::{Checker, ConfigError};
use super::file::{RawAgent, RawService};
use crate::model::identity::is_quick_service;
use crate::model::text::Text;
use crate::model::topology::{DeclaredAgent, DeclaredService, Topology};
use std::collections::BTreeSet;

/// The ends of principals of services: `states.amazonaws.com`, in China with `.cn`.
const SERVICE_PARTS: [&str; 2] = [".amazonaws.com", ".amazonaws.com.cn"];

/// The service of a resource's ARN, if it is another one than the declared.
fn other_service<'a>(arn: &'a str, service: &str) -> Option<&'a str> {
    let of_arn = arn.split(':').nth(2)?;
    let name = service.split('.').next().unwrap_or(service);
    // Containers are resources of the service, and their tasks assume roles.
    let name = if name == "ecs-tasks" { "ecs" } else { name };
    (!of_arn.is_empty() && of_arn != "*" && of_arn != name).then_some(of_arn)
}

impl Checker<'_> {
    /// Adds the declared services and agents.
    pub(super) fn add_roads(
        &self,
        services: Vec<RawService>,
        agents: Vec<RawAgent>,
        topology: &mut Topology,
    ) -> Result<(), ConfigError> {
        self.add_services(services, topology)?;
        self.add_agents(agents, topology)
    }

    fn add_services(
        &self,
        declared: Vec<RawService>,
        topology: &mut Topology,
    ) -> Result<(), ConfigError> {
        for raw in declared {
            let service = raw.service.get_ref();
            let wrong =
                |message| Err(self.wrong(raw.service.span(), "declared_services.service", message));
            if !SERVICE_PARTS.iter().any(|end| service.ends_with(end)) {
                let example = if service.contains('.') || service.is_empty() {
                    "states.amazonaws.com".to_owned()
                } else {
                    format!("{service}.amazonaws.com")
                };
                return wrong(format!(
                    "{service:?} is not a service principal: write, for example, {example:?}"
                ));
            }
            if is_quick_service(service) {
                return wrong(format!(
                    "{service:?} needs no declaration: the chains of Quick are not reported as those of other services"
                ));
            }
            if let Some(arn) = &raw.resource_arn
                && let Some(other) = other_service(arn.get_ref(), service)
            {
                let message = format!(
                    "{:?} is a resource of {other}, but the service is {service:?}: correct one of the two",
                    arn.get_ref()
                );
                return Err(self.wrong(arn.span(), "declared_services.resource_arn", message));
            }
            for (name, arn) in [
                ("declared_services.resource_arn", &raw.resource_arn),
                ("declared_services.role_arn", &raw.role_arn),
            ] {
                if let Some(arn) = arn
                    && !arn.get_ref().starts_with("arn:")
                {
                    let message = format!(
                        "{:?} is not an ARN: begin it with `arn:`; `*` stands for any text",
                        arn.get_ref()
                    );
                    return Err(self.wrong(arn.span(), name, message));
                }
            }
            let text = |arn: toml::Spanned<String>| Text::from(arn.into_inner());
            topology.services.push(DeclaredService {
                service: service.as_str().into(),
                resource_arn: raw.resource_arn.map(text),
                role_arn: raw.role_arn.map(text),
                reason: raw.reason.map(Text::from),
            });
        }
        Ok(())
    }

    fn add_agents(
        &self,
        declared: Vec<RawAgent>,
        topology: &mut Topology,
    ) -> Result<(), ConfigError> {
        for raw in declared {
            let id = raw.id.get_ref();
            if id.trim().is_empty() {
                return Err(self.wrong(raw.id.span(), "agents.id", "an agent needs an id"));
            }
            if id.contains(':') {
                let message = format!(
                    "{id:?} is not the id of an agent or flow: write only the last part of its ARN"
                );
                return Err(self.wrong(raw.id.span(), "agents.id", message));
            }
            if topology.agents.iter().any(|other| *other.id == **id) {
                let message = format!("agent {id:?} is declared twice");
                return Err(self.wrong(raw.id.span(), "agents.id", message));
            }
            let users = raw.users.map(|users| {
                let users = users.into_iter().map(|user| {
                    if user.get_ref().trim().is_empty() {
                        return Err(self.wrong(user.span(), "agents.users", "a user needs a name"));
                    }
                    Ok(Text::from(user.into_inner()))
                });
                users.collect::<Result<BTreeSet<Text>, ConfigError>>()
            });
            topology.agents.push(DeclaredAgent {
                id: id.as_str().into(),
                name: raw.name.map(Text::from),
                users: users.transpose()?,
            });
        }
        Ok(())
    }
}
