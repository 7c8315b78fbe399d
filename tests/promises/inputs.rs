/// Files: followed over rotations, truncations, removals and kills, without a line lost.
mod files;
/// Requests: answered when the sinks hold what they brought, or told why not.
mod requests;
