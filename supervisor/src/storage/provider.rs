//! Which store serves which storage provider.
