"""The data plane: Envoy, configured from a traffic plan.

::

    plan.py      what should be served (pure data, validated)
    render/      plan → Envoy's configuration (pure functions, JSON)
    files.py     where the configuration lies, and how it is replaced (by rename)
    binary.py    where Envoy is, and its own validation of a configuration
    admin.py     what is asked of a running Envoy
    apply.py     the order in which a new plan reaches it
    process.py   starting, adopting and stopping the process
    traffic.py   counts per deployment and version
    envoy.py     class Gateway: the above, as the controller uses it
"""
