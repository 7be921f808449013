//! Parameters as text: `evt.arg`, `evt.args`.

use crate::Facts;
use crate::text::Text;

impl<'e> Facts<'e> {
    /// A parameter as text: what its number stands for, else the number.
    pub(crate) fn param_text(&self, index: usize) -> Option<&'e [u8]> {
        self.event.str(index)
    }

    /// All parameters as text.
    pub(crate) fn all_params(&self) -> &'e [u8] {
        let mut text = Text::new(self.arena);
        for (index, param) in self.event.info().params.iter().enumerate() {
            if let Some(value) = self.param_text(index) {
                text.push(param.name.as_bytes());
                text.push(b"=");
                text.push(value);
                text.push(b" ");
            }
        }
        text.pop();
        text.finish()
    }
}
