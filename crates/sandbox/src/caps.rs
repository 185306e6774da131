//! No process of a job has a capability, or can gain one.

use crate::spec::{Fault, Step};
use crate::sys;
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    set_capabilities, set_capabilities_secure_bits, set_no_new_privs,
};
use trustmill_core::port::sandbox::Layer;

/// Empties the five sets, and locks the rules under which root would get them back.
pub(crate) fn drop_all() -> Result<(), Fault> {
    set_no_new_privs(true).step(Layer::NoNewPrivileges, "set no_new_privs")?;
    let layer = Layer::NoCapabilities;
    for capability in sys::CAPABILITIES {
        if !sys::drop_from_bounding_set(capability).step(layer, "empty the bounding set")? {
            break;
        }
    }
    set_capabilities_secure_bits(secure_bits()).step(layer, "lock the secure bits")?;
    clear_ambient_capability_set().step(layer, "empty the ambient set")?;
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none).step(layer, "drop the capabilities")
}

fn secure_bits() -> CapabilitiesSecureBits {
    CapabilitiesSecureBits::NO_ROOT
        | CapabilitiesSecureBits::NO_ROOT_LOCKED
        | CapabilitiesSecureBits::NO_SETUID_FIXUP
        | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
        | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
        | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED
}

/// Whether this process has none, and can get none by running a program.
pub(crate) fn none() -> bool {
    let none = |sets: CapabilitySets| {
        sets.effective.is_empty() && sets.permitted.is_empty() && sets.inheritable.is_empty()
    };
    capabilities(None).is_ok_and(none)
}
