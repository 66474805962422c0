//! Values that the application attaches to a connection: found by their type, and dropped with the connection. Knows nothing of connections.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::primitives::lock::UserDrop;

/// At most one value of each type. Nothing is allocated without a value. Clones share the values.
#[derive(Clone, Default)]
pub(crate) struct Values(Vec<UserDrop<Arc<dyn Any + Send + Sync>>>);

impl Values {
    /// Adds a value. It replaces the value of the same type.
    #[cfg(feature = "server")]
    pub(crate) fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        self.0.retain(|other| !other.is::<T>());
        self.0.push(UserDrop::new(Arc::new(value)));
    }

    /// The value of this type.
    pub(crate) fn get<T: Any>(&self) -> Option<&T> {
        self.0.iter().find_map(|value| value.downcast_ref())
    }
}

/// Shows the number of values only, because they may be secrets.
impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values", self.0.len())
    }
}

#[cfg(test)]
#[cfg(feature = "server")]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_by_its_type_and_replaced_by_the_next_one() {
        let mut values = Values::default();
        assert_eq!((values.get::<u32>(), format!("{values:?}")), (None, "0 values".to_owned()));
        values.insert(1_u32);
        values.insert("secret");
        values.insert(2_u32);
        assert_eq!((values.get(), values.get(), values.get::<u64>()), (Some(&2_u32), Some(&"secret"), None));
        assert_eq!((format!("{values:?}"), values.clone().get()), ("2 values".to_owned(), Some(&"secret")));
    }
}
