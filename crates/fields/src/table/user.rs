//! Fields of users and groups.

use super::fields;

fields! {
    /// Fields of the user.
    User {
    Uid       "user.uid"       Uint32  Id      [] "The id of the user whom the process acts for."
    Name      "user.name"      CharBuf Natural [] "The name of that user; <NA> when it has none."
    Home      "user.homedir"   CharBuf Natural [] "The home directory of that user."
    Shell     "user.shell"     CharBuf Natural [] "The login shell of that user."
    LoginUid  "user.loginuid"  Int64   Id      [] "The id of the user who logged in, whatever the process became since; -1 for nobody."
    LoginName "user.loginname" CharBuf Natural [] "The name of the user who logged in."
    }
}

fields! {
    /// Fields of the group.
    Group {
    Gid  "group.gid"  Uint32  Id      [] "The id of the group that the process acts for."
    Name "group.name" CharBuf Natural [] "The name of that group; <NA> when it has none."
    }
}
