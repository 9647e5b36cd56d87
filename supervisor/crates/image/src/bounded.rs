//! Lists in JSON documents that others have written. A byte of JSON can become fifty of memory, so each list has a largest
//! length.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, SeqAccess, Visitor},
};

/// A list of at most `MOST` items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<T, const MOST: usize>(pub Vec<T>);

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T, const MOST: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Items<T, MOST> {
            type Value = List<T, MOST>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MOST} items")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    if list.len() == MOST {
                        return Err(A::Error::custom(format_args!(
                            "a list has more than {MOST} items"
                        )));
                    }
                    list.push(item);
                }
                Ok(List(list))
            }
        }
        from.deserialize_seq(Items(PhantomData))
    }
}

/// The first item of a list, and how many there are.
#[derive(Debug, Clone)]
pub(crate) struct First<T> {
    pub(crate) item: Option<T>,
    pub(crate) count: usize,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = First<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
                let item = items.next_element()?;
                let mut count = usize::from(item.is_some());
                while items.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(First { item, count })
            }
        }
        from.deserialize_seq(Items(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_refused_when_it_is_one_too_long() {
        let parse = |text: &str| serde_json::from_str::<List<u8, 2>>(text);
        assert_eq!(parse("[1, 2]").unwrap(), List(vec![1, 2]));
        let error = parse("[1, 2, 3]").unwrap_err().to_string();
        assert!(error.contains("more than 2 items"), "{error}");
    }

    #[test]
    fn only_the_first_item_is_read() {
        let first: First<u8> = serde_json::from_str(r#"[1, {"any": []}, "x"]"#).unwrap();
        assert_eq!((first.item, first.count), (Some(1), 3));
        let none: First<u8> = serde_json::from_str("[]").unwrap();
        assert_eq!((none.item, none.count), (None, 0));
    }
}
