"""Why there is no usable connection."""


class DatabaseUnreachable(ConnectionError):
    """No connection could be opened. Its cause is the driver's exception."""


class SettingIgnored(DatabaseUnreachable):
    """The server would accept writes on a connection for reads, so that connection isn't used."""
