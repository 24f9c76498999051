//! The parts of ARNs (IAM User Guide, "Identify AWS resources with ARNs").

/// The parts of `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE` by which ARNs are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ArnParts<'a> {
    /// The service, such as `iam`.
    pub(super) service: &'a str,
    /// The Region; empty where the ARN has none.
    pub(super) region: &'a str,
    /// The account's id; empty where the ARN has none.
    pub(super) account_id: &'a str,
    /// The resource, with whatever colons are in it.
    pub(super) resource: &'a str,
}

impl<'a> ArnParts<'a> {
    /// Returns the parts of a text; `None` where it is no ARN.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let is_arn = parts.next()? == "arn";
        let _partition = parts.next()?;
        let service = parts.next()?;
        let region = parts.next()?;
        let account_id = parts.next()?;
        let resource = parts.next()?;
        is_arn.then_some(Self {
            service,
            region,
            account_id,
            resource,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_has_six_parts() {
        let parts = ArnParts::of("arn:aws:athena:eu-west-1:111122223333:workgroup/a:b").unwrap();
        assert_eq!(parts.service, "athena");
        assert_eq!(parts.account_id, "111122223333");
        assert_eq!(parts.resource, "workgroup/a:b");
        for text in [
            "",
            "arn",
            "arn:aws:iam::111122223333",
            "ARN:aws:iam::1:role/a",
        ] {
            assert_eq!(ArnParts::of(text), None, "{text}");
        }
    }
}
