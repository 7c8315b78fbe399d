//! `inkprint keys wrap`: a copy of a keyring that only a key of AWS KMS opens.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use crate::cli::print::print;
use crate::control::keyring::Keyring;
use crate::control::keyring::source::awskms::{KmsError, PURPOSE, Settings, wrap};

/// Write the keyring to a file that only a key of AWS KMS opens; use it with --keyring awskms:FILE
///
/// Where KMS is and as whom it is asked is in the environment, as for AWS's own programs: AWS_REGION, AWS_PROFILE, AWS_ACCESS_KEY_ID,
/// or the role that is given.
#[derive(Debug, Args)]
pub struct WrapArgs {
    /// The key of AWS KMS: its ARN, its id, or alias/NAME
    #[arg(long, value_name = "KEY")]
    kms: String,
    /// The file to make
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Ask for this in the encryption context too, beside inkprint=keyring: a policy of the key can require it
    #[arg(long, value_name = "NAME=VALUE", value_parser = context)]
    context: Vec<(String, String)>,
}

/// Runs the command.
///
/// # Errors
/// What went wrong, with what to do about it.
pub fn run(keyring: &Keyring, args: WrapArgs) -> anyhow::Result<()> {
    let context: BTreeMap<String, String> = args.context.into_iter().collect();
    let settings = Settings::from_environment().map_err(KmsError::from)?;
    wrap(keyring, &args.kms, context, &args.output, &settings)?;
    print(&format!(
        "wrapped: --keyring awskms:{} opens it for whom the key's policy lets decrypt; rotate the keyring it was made from, and wrap that \
         again\n",
        args.output.display()
    ))
}

fn context(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a name and a value, such as environment=production")?;
    if name.is_empty() || name == PURPOSE.0 {
        return Err(format!("a name other than {}", PURPOSE.0));
    }
    Ok((name.to_owned(), value.to_owned()))
}
